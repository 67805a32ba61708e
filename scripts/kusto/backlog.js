// A collector in the small: contents are listed, wait and are delivered, minute by
// minute, and each quarter of an hour a heartbeat tells of what waits.
"use strict";
const { heartbeat } = require("./log.js");

// backlog returns the heartbeats of some hours.
//   listed(minute)            how many contents Microsoft lists in that minute
//   late(minute, nth)         minutes since Microsoft made the nth of them
//   withheld(minute, nth)     Microsoft lists it and does not hand it out
//   delivered(minute, count)  how many of those that wait are delivered
//   beats(minute)             whether the heartbeat of that minute comes
function backlog({ hours, listed, late = () => 0, withheld = () => false, delivered = (minute, count) => count, beats = () => true }) {
	const log = [], theirs = [];
	let ours = [];
	for (let minute = 0; minute < hours * 60; minute++) {
		for (let nth = 0; nth < listed(minute); nth++) {
			(withheld(minute, nth) ? theirs : ours).push({ found: minute, made: minute - late(minute, nth) });
		}
		if (minute % 15 === 0 && beats(minute)) log.push(heartbeat(minute, waiting(minute, ours, theirs)));
		ours = ours.slice(delivered(minute, ours.length)); // in the order in which they were found
	}
	return log;
}

// The fields are those of master/backlog.go: waiting_s is for how long we have known
// the longest that waits for us, oldest_s the age of the oldest of all.
function waiting(minute, ours, theirs) {
	const all = [...ours, ...theirs];
	const since = (times) => Math.round(times.reduce((longest, time) => Math.max(longest, minute + 5 / 60 - time), 0) * 60);
	return { pending: all.length, waiting_s: since(ours.map(({ found }) => found)), oldest_s: since(all.map(({ made }) => made)) };
}

module.exports = { backlog };
