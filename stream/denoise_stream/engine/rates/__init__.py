"""Change the sample rate: resampling, and the band above a model of a lower rate."""
