"""Signal processing without a network: measures, filters, levels."""
