"""Fine-tuning for SJD2 (arXiv 2510.08994), and programs that show traces of decoding."""
