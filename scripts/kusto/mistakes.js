// Mistakes that somebody could make in a rule, each with the history that must
// notice it: a test of the histories. The rule's text changes from `from` to `to`, in
// its query or in another property of it.
"use strict";

const mistakes = [
	{ rule: "no-heartbeat", from: "beats == 0", to: "beats > 0", notices: "a heartbeat every quarter of an hour" },
	{ rule: "no-heartbeat", from: "beats == 0", to: "beats <= 1", notices: "two are missed" },
	{ rule: "no-heartbeat", property: "windowSize", from: "PT45M", to: "PT30M", notices: "two are missed" },
	{ rule: "no-heartbeat", property: "windowSize", from: "PT45M", to: "PT1H", notices: "three are missed: it fires, and ends with the fourth" },
	{ rule: "no-heartbeat", property: "evaluationFrequency", from: "PT15M", to: "PT6H", notices: "they stop after 6 h" },

	{ rule: "dead-letters", from: "dead > 0", to: "dead > 100", notices: "one" },
	{ rule: "dead-letters", from: "dead > 0", to: "dead > 1", notices: "one" },
	{ rule: "dead-letters", from: "dead > 0", to: "dead >= 0", notices: "none" },
	{ rule: "dead-letters", from: "top 1", to: "top 2", notices: "three between the 6th and the 8th hour" },
	{ rule: "dead-letters", property: "windowSize", from: "PT30M", to: "PT15M", notices: "one, and a heartbeat is missed" },
	{ rule: "dead-letters", property: "windowSize", from: "PT30M", to: "P1D", notices: "one, and no heartbeat after the 5th hour" },
	{ rule: "dead-letters", property: "threshold", from: "0", to: "3", notices: "one" },

	{ rule: "credential-ends", from: "days <= 14", to: "days <= 1", notices: "14 days" },
	{ rule: "credential-ends", from: "days <= 14", to: "days <= 15", notices: "15 days" },
	{ rule: "credential-ends", property: "windowSize", from: "PT1H", to: "PT15M", notices: "14 days, and a heartbeat is missed" },
	{ rule: "credential-ends", from: "top 1 by timestamp", to: "top 1 by timestamp asc", notices: "renewed after 5 h" },

	{ rule: "our-lag", from: "tolong(line.waiting_s)", to: "tolong(line.oldest_s)", notices: "Microsoft lists everything two hours late" },
	{ rule: "our-lag", from: "tolong(line.waiting_s)", to: "tolong(line.oldest_s)", notices: "Microsoft lists a content and never hands it out" },
	{ rule: "our-lag", from: "least > 900", to: "least > 90000", notices: "the destination is down from minute 360 to 540" },
	{ rule: "our-lag", from: "least > 900", to: "least > 300", notices: "each waits 10 minutes" },
	{ rule: "our-lag", from: "least > 900", to: "least > 1800", notices: "each waits 20 minutes" },
	{ rule: "our-lag", from: "min(waiting_s)", to: "max(waiting_s)", notices: "one content waits for half an hour: one heartbeat is late" },
	{ rule: "our-lag", from: "top 2 by timestamp", to: "top 2 by timestamp asc", notices: "the destination is down from minute 360 to 540" },
	{ rule: "our-lag", from: "beats == 2", to: "beats >= 1", notices: "the first heartbeat after a standstill is late" },
	{ rule: "our-lag", property: "windowSize", from: "PT1H", to: "PT30M", notices: "the destination is down for three hours, and a heartbeat is missed" },
	{ rule: "our-lag", property: "windowSize", from: "PT1H", to: "P1D", notices: "the destination is down, and no heartbeat after the 7th hour" },

	{ rule: "nothing-listed", from: "5 * usual", to: "500 * usual", notices: "busy days and quiet nights, until noon" },
	{ rule: "nothing-listed", from: "5 * usual", to: "6 * usual", notices: "every 30 minutes, until the 55th hour" },
	{ rule: "nothing-listed", from: "5 * usual", to: "3 * usual", notices: "every 30 minutes, but for two hours" },
	{ rule: "nothing-listed", from: "silent > 60", to: "silent > 6", notices: "every minute, until the 60th hour" },
	{ rule: "nothing-listed", from: "silent > 60", to: "silent > 61", notices: "every minute, until the 60th hour" },
	{ rule: "nothing-listed", from: "pauses >= 10", to: "pauses >= 9", notices: "ten contents: nine pauses" },
	{ rule: "nothing-listed", from: "pauses >= 10", to: "pauses >= 11", notices: "eleven contents: ten pauses" },
	{ rule: "nothing-listed", from: "iff(prev(type) == type, ", to: "iff(isnotnull(type), ", notices: "one type ends where another begins, which stops at the 60th hour" },
	{ rule: "nothing-listed", from: "sum(pause * pause) / sum(pause)", to: "sum(pause) / count()", notices: "busy days and quiet nights" },
	{ rule: "nothing-listed", from: "sort by type asc, timestamp asc", to: "sort by timestamp asc", notices: "one of two types stops at the 60th hour" },
	{ rule: "nothing-listed", from: "tolong(line.listed) > 0", to: "tolong(line.listed) >= 0", notices: "every minute, until the 60th hour" },
	{ rule: "nothing-listed", property: "overrideQueryTimeRange", from: "P2D", to: "PT1H", notices: "every minute, until the 60th hour" },
];

// The copies for the Monitor page (see log.js) mislead every rule that reads them.
const category = { from: 'customDimensions.Category == "Host.Function.Console" and ', to: "" };
mistakes.push(
	{ rule: "no-heartbeat", ...category, notices: "they never began" },
	{ rule: "dead-letters", ...category, notices: "none" },
	{ rule: "credential-ends", ...category, notices: "not known" },
	{ rule: "our-lag", ...category, notices: "one content waits for half an hour: one heartbeat is late" },
	{ rule: "nothing-listed", ...category, notices: "every minute, until the 60th hour" },
);

// Queries that may not pass: the parser, or the engine, must refuse them, and say
// something of this.
const refused = [
	{ query: "traces | where mesage == 'x'", says: "mesage" },
	{ query: "traces | where message = 'x'", says: "Error" },
	{ query: "trace | count", says: "trace" },
	{ query: "traces | where timestamp > ago(1h)", says: "function FunctionCallExpression" },
	{ query: "traces | distinct message", says: "DistinctOperator" },
	{ query: "traces | summarize dcount(message)", says: "without a name" },
	{ query: "traces | summarize kinds = dcount(message)", says: "aggregate" },
	{ query: "traces | extend half = itemCount / 2", says: "whole division" },
	{ query: "traces | sort by timestamp asc nulls last", says: "ordering" },
	{ query: "let all = traces; all | count", says: "more than one statement" },
	{ query: "traces | summarize hint.strategy = shuffle lines = count() by message", says: "SummarizeOperator" },
	{ query: "traces | extend before = prev(message)", says: "sort first" },
];

module.exports = { mistakes, refused };
