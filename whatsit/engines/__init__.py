"""From a trained network to the file that serves: export, quantisation, parity and the runners."""
