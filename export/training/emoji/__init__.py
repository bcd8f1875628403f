"""The trainer of the next built-in model: Fluent emoji at 256 x 256 pixels."""
