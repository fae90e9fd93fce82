"""HTTP in: webhooks of other systems, checked and written to Kafka as they came. What they mean is decoded later."""
