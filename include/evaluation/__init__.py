"""Floor 0: predictions against what people made of them."""
