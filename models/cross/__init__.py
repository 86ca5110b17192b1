"""Demand that answers other products' prices: substitutes, complements, rivals."""
