// What the alert rules compute from one row, as functions made from the parser's
// tree. A function gets the row and where it stands: { rows, index, ordered, now }.
// null is KQL's null; times are milliseconds since 1970, spans milliseconds.
//
// Only what the rules use is here, on purpose: whatever else is met throws, so that
// a rule cannot be judged by a guess.
"use strict";
const { kind, text, items } = require("./parser.js");

const unsupported = (what, node) => new Error(`${what} ${kind(node)} is not supported by scripts/kusto: ${text(node)}`);

const expressions = {
	ParenthesizedExpression: (node) => scalar(node.Expression),
	SimpleNamedExpression: (node) => scalar(node.Expression),
	CompoundStringLiteralExpression: constant,
	LiteralExpression: constant,
	NameReference: ({ SimpleName: column }) => (row) => row[column] ?? null, // the parser has found it in the schema
	PathExpression(node) {
		const from = scalar(node.Expression), field = node.Selector.SimpleName;
		return (row, at) => {
			const value = from(row, at);
			return value !== null && typeof value === "object" ? value[field] ?? null : null;
		};
	},
	BinaryExpression: (node) => binary(node, scalar),
	FunctionCallExpression(node) {
		const make = functions[node.Name.SimpleName];
		if (!make) throw unsupported("function", node);
		return make(...items(node.ArgumentList.Expressions).map(scalar));
	},
};

function scalar(node) {
	const make = expressions[kind(node)];
	if (!make) throw unsupported("expression", node);
	return make(node);
}

function constant(node) {
	const written = text(node);
	let value;
	if (/^"[^"\\]*"$/.test(written)) value = written.slice(1, -1);
	else if (/^\d+$/.test(written)) value = Number(written);
	else if (written === "1m") value = 60_000;
	else if (written === "real(null)") value = null;
	else throw unsupported("literal", node);
	return () => value;
}

// Nothing can be computed from null, and no comparison with it holds.
const unlessNull = (compute) => (a, b) => (a === null || b === null ? null : compute(a, b));

const operators = {
	"and": (a, b) => a === true && b === true,
	"==": unlessNull((a, b) => a === b),
	">": unlessNull((a, b) => a > b),
	"<=": unlessNull((a, b) => a <= b),
	">=": unlessNull((a, b) => a >= b),
	"-": unlessNull((a, b) => a - b),
	"*": unlessNull((a, b) => a * b),
	"/": unlessNull((a, b) => a / b),
	"startswith": unlessNull((a, b) => a.toLowerCase().startsWith(b.toLowerCase())),
};

// binary combines what make returns for the two sides: scalars or aggregates.
function binary(node, make) {
	const sign = text(node.Operator), compute = operators[sign];
	if (!compute) throw unsupported("operator", node);
	// KQL cuts off the remainder if both sides are whole numbers.
	if (sign === "/" && node.ResultType.Name !== "real") throw unsupported("whole division", node);
	const left = make(node.Left), right = make(node.Right);
	return (given, at) => compute(left(given, at), right(given, at));
}

const parsed = new Map(); // the same lines are looked at by many evaluations

const functions = {
	parse_json: (of) => (row, at) => {
		const line = of(row, at);
		if (!parsed.has(line)) parsed.set(line, parseJSON(line));
		return parsed.get(line);
	},
	tostring: (of) => (row, at) => {
		const value = of(row, at);
		return value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
	},
	tolong: (of) => (row, at) => {
		const value = of(row, at), number = Number(value);
		return value === null || Number.isNaN(number) ? null : Math.trunc(number);
	},
	iff: (condition, yes, no) => (row, at) => (condition(row, at) === true ? yes : no)(row, at),
	isnotnull: (of) => (row, at) => of(row, at) !== null,
	now: () => (row, at) => at.now,
	prev: (of) => (row, at) => {
		if (!at.ordered) throw new Error("prev needs rows in order: sort first");
		return at.index === 0 ? null : of(at.rows[at.index - 1], { ...at, index: at.index - 1 });
	},
};

// What is no JSON is a text to KQL, and has no fields.
function parseJSON(line) {
	try {
		return JSON.parse(line);
	} catch {
		return line;
	}
}

module.exports = { scalar, binary, unsupported };
