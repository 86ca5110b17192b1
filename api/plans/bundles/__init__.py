"""Plans of bundles: document, job, answer."""
