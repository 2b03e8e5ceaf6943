"""The service described for machines: OpenAPI, made from the very models that it decodes and encodes."""
