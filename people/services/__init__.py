"""The only writers of this app. Each module is one noun, each function one verb."""
