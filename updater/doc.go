// Package updater is the room that keeps the collector up to date: it syncs the
// configuration document that the customer signed ([Sync]), and brings the collector's
// own code to the newest release ([Upgrade]).
//
// Its one promise: nothing is kept and nothing is run that the holder of a trusted key
// has not signed, and whatever goes wrong, the last good configuration and the running
// code stay. It does not know what a setting means, nor how a platform changes the code
// that it runs: the roof tells it.
package updater
