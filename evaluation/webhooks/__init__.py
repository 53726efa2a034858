"""Telling other systems of changes, as Standard Webhooks: `endpoints` who is told, `delivery` how, `outbound` the call itself."""
