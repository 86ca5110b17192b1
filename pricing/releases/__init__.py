"""How prices go live: change budget and stages."""
