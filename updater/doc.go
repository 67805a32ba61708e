// Package updater is the room that keeps the collector up to date: it syncs the
// configuration document that the customer signed.
//
// Its one promise: nothing is kept that the holder of a trusted key has not signed,
// and whatever goes wrong, the last good configuration stays. It does not know what a
// setting means, nor which ones may be synced: the roof tells it.
package updater
