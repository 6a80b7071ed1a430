"""Both frameworks train the same model on the same batches, and every step is compared."""
