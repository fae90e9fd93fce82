"""Read incidents and write actions from a program of your own: `floodmark.client`."""
