//: bytes
extern const unsigned char denoise_weights[];

static uint32_t next_byte(void)
{
    static size_t taken;
    return denoise_weights[taken++];
}
//: text
/* Decode base 85: five digits, from # on without ? and \, are four bytes, the first one highest. */
static uint32_t next_byte(void)
{
    static size_t taken;
    static uint32_t group;
    static int left;
    if (left == 0) {
        group = 0;
        for (int i = 0; i < 5; ++i, ++taken) {
            const char digit = packed[taken / @ROW@][taken % @ROW@];
            group = 85 * group + (uint32_t)(digit == 'x' ? '?' - '#' : digit == 'y' ? '\\' - '#' : digit - '#');
        }
        left = 4;
    }
    return group >> 8 * --left & 255;
}
//: take
/* Read numbers of so many bytes each, as bits: the lowest byte of all, then the next ... */
static void take(float *numbers, int count, int bytes)
{
    for (int byte = 0; byte < bytes; ++byte)
        for (int i = 0; i < count; ++i) {
            uint32_t bits = 0;
            if (byte > 0)
                memcpy(&bits, numbers + i, sizeof bits);
            bits |= next_byte() << 8 * byte;
            memcpy(numbers + i, &bits, sizeof bits);
        }
}
//: take_halves take
/* Read 16-bit floats. */
static void take_halves(float *numbers, int count)
{
    take(numbers, count, 2);
    for (int i = 0; i < count; ++i) {
        uint32_t bits;
        memcpy(&bits, numbers + i, sizeof bits);
        const int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
        const float size = ldexpf((float)(exponent ? 1024 + fraction : fraction), (exponent ? exponent : 1) - 25);
        numbers[i] = bits & 0x8000 ? -size : size;
    }
}
//: take_places take
/* Read distinct values, then which of them each number is. */
static void take_places(float *numbers, int count, int bytes, int values)
{
    static float distinct[@MOST@];
    take(distinct, values, 4);
    take(numbers, count, bytes);
    for (int i = 0; i < count; ++i) {
        uint32_t place;
        memcpy(&place, numbers + i, sizeof place);
        numbers[i] = distinct[place];
    }
}
