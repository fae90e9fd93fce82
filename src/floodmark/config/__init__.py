"""Configuration: models (`models`), the loader with line-numbered errors (`loader`), quantities (`quantities`)."""
