"""What is live: the objects of every destination cluster, kept as Argo CD's controller keeps them."""
