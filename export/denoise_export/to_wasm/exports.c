/* What JavaScript needs to know of the memory. */
#include "denoise.h"

size_t denoise_state_bytes(void)
{
    return sizeof(denoise_state);
}
