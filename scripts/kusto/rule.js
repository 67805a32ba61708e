// An alert rule, evaluated over a log again and again as Azure would.
"use strict";
const { compile } = require("./engine.js");
const { timeOf } = require("./log.js");

// minutes of a duration such as PT45M or P2D.
function minutes(duration) {
	const [, days = 0, hours = 0, rest = 0] = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/.exec(duration) ?? [];
	const sum = Number(days) * 24 * 60 + Number(hours) * 60 + Number(rest);
	if (!sum) throw new Error(`${duration}: a duration such as PT45M or P2D expected`);
	return sum;
}

// firings returns, for each thing that the rule tells apart (its dimensions; one
// without a name if there are none), the minutes at which it fires. The first
// evaluation is at minute `from`. Lines are in the table at once: Azure's own delay
// is not known.
function firings(rule, log, from, to) {
	if (rule.operator !== "GreaterThan") throw new Error(`${rule.name}: operator ${rule.operator} is not supported by scripts/kusto`);
	const run = compile(rule.query), tell = dimensions(rule);
	const every = minutes(rule.evaluationFrequency), seen = minutes(rule.overrideQueryTimeRange ?? rule.windowSize);
	const found = new Map();
	for (let at = from; at <= to; at += every) {
		const rows = log.filter(({ timestamp }) => timestamp > timeOf(at - seen) && timestamp <= timeOf(at));
		const counts = new Map();
		for (const row of run(rows, timeOf(at))) counts.set(tell(row), (counts.get(tell(row)) ?? 0) + 1);
		for (const [what, count] of counts) {
			if (count > rule.threshold) found.set(what, [...(found.get(what) ?? []), at]);
		}
	}
	return found;
}

// dimensions returns what tells rows apart: each value is an alert of its own.
function dimensions({ name, dimensions = [] }) {
	for (const { operator, values } of dimensions) {
		if (operator !== "Include" || String(values) !== "*") throw new Error(`${name}: only dimensions of all values are supported by scripts/kusto`);
	}
	return (row) => dimensions.map(({ name: column }) => {
		if (typeof row[column] !== "string") throw new Error(`${name}: its rows have no text ${column}, which is a dimension`);
		return row[column];
	}).join();
}

module.exports = { firings, minutes };
