"""The web doors of this app: authorise, call, render."""
