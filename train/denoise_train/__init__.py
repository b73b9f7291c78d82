"""Train denoising autoencoders and measure them against plain filters."""
