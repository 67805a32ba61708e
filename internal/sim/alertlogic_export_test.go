package sim

// Inflate lets a test set off the bomb guard with a small bomb.
var Inflate = inflate
