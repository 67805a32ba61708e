// Package master is the room that looks after the collector: every 15 minutes it
// mends the subscriptions, sweeps what is old, and tells the destination how we are.
//
// Its one promise: what is wrong and what an administrator can do about it is said,
// under a code that docs/operations.md explains, and one step that fails keeps no
// other from running. It collects nothing, and it never stops a subscription.
package master
