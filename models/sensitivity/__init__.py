"""How each product's demand answers its price: panel, evidence, fit, pooling, levels, report."""
