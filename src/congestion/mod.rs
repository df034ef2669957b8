//! What became of packets, and so how fast to send (sans-IO): estimator and pacer queue.
