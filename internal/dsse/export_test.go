package dsse

// PAE is compared with the specification's own example.
var PAE = pae
