// Runs a query over rows: the tabular operators and aggregates that the alert rules
// use, and nothing else (see expressions.js). Rows are plain objects.
"use strict";
const { parse, complaints, kind, text, items } = require("./parser.js");
const { scalar, binary, unsupported } = require("./expressions.js");

// compile makes a function of a query; it takes the rows of `traces` and the time now.
function compile(query) {
	const wrong = complaints(query);
	if (wrong.length) throw new Error(wrong.join("\n"));
	const statements = items(parse(query).Syntax.Statements);
	if (statements.length !== 1) throw unsupported("more than one statement:", statements[0]);
	const steps = pipeline(statements[0].Expression);
	return (table, now) => {
		let rows = table, ordered = false;
		for (const step of steps) {
			rows = step.run(rows, { now, ordered });
			ordered = step.orders ?? ordered;
		}
		return rows;
	};
}

// pipeline lists the steps after the table, first to last.
function pipeline(node) {
	if (kind(node) === "PipeExpression") return [...pipeline(node.Expression), step(node.Operator)];
	if (kind(node) === "NameReference" && node.SimpleName === "traces") return [];
	throw unsupported("source", node);
}

function step(node) {
	const make = steps[kind(node)];
	if (!make || node.Parameters?.ChildCount) throw unsupported("operator", node);
	return make(node);
}

// each calls f for every row with where it stands: one object for all, as there are
// millions of rows in all the histories.
function each(rows, at, f) {
	const here = { ...at, rows, index: -1 };
	return rows.map((row) => {
		here.index++;
		return f(row, here);
	});
}

// A column is [name, how to compute it].
const columns = (list, make) => items(list).map((node) => [nameOf(node), make(node)]);

function compute(columns, rows, at, into = {}) {
	for (const [name, value] of columns) into[name] = value(rows, at);
	return into;
}

function nameOf(node) {
	if (kind(node) === "SimpleNamedExpression") return node.Name.SimpleName;
	if (kind(node) === "NameReference") return node.SimpleName;
	throw unsupported("column without a name:", node);
}

const steps = {
	FilterOperator(node) {
		const holds = scalar(node.Condition);
		return {
			run(rows, at) {
				const kept = each(rows, at, holds);
				return rows.filter((row, index) => kept[index] === true);
			},
		};
	},
	ExtendOperator(node) {
		const added = columns(node.Expressions, scalar);
		return { run: (rows, at) => each(rows, at, (row, here) => compute(added, row, here, { ...row })) };
	},
	ProjectOperator(node) {
		const kept = columns(node.Expressions, scalar);
		return { run: (rows, at) => each(rows, at, (row, here) => compute(kept, row, here)) };
	},
	SortOperator(node) {
		const keys = items(node.Expressions).map(sortKey);
		return { orders: true, run: (rows, at) => sorted(rows, at, keys) };
	},
	TopOperator(node) {
		const count = scalar(node.Expression)(), key = sortKey(node.ByExpression);
		return { orders: true, run: (rows, at) => sorted(rows, at, [key]).slice(0, count) };
	},
	SummarizeOperator(node) {
		const sums = columns(node.Aggregates, aggregate), by = node.ByClause ? columns(node.ByClause.Expressions, scalar) : [];
		return { orders: false, run: (rows, at) => groups(rows, at, by).map(([key, group]) => compute(sums, group, at, key)) };
	},
};

// Without a direction KQL sorts downwards.
function sortKey(node) {
	if (kind(node) !== "OrderedExpression") return { value: scalar(node), sign: -1 };
	const direction = text(node.Ordering);
	if (direction !== "asc" && direction !== "desc") throw unsupported("ordering", node);
	return { value: scalar(node.Expression), sign: direction === "asc" ? 1 : -1 };
}

function sorted(rows, at, keys) {
	const keyed = each(rows, at, (row, here) => ({ row, values: keys.map(({ value }) => value(row, here)) }));
	if (keyed.some(({ values }) => values.includes(null))) throw new Error("rows without a value to sort by are not supported by scripts/kusto");
	const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
	return keyed.sort((a, b) => keys.reduce((decided, { sign }, i) => decided || sign * compare(a.values[i], b.values[i]), 0)).map(({ row }) => row);
}

// groups returns [key, rows] pairs. Without "by" there is one group, even of nothing:
// that is how the absence of lines is seen.
function groups(rows, at, by) {
	const found = new Map(by.length ? [] : [["{}", [{}, []]]]);
	each(rows, at, (row, here) => {
		const key = compute(by, row, here), id = JSON.stringify(key);
		if (!found.has(id)) found.set(id, [key, []]);
		found.get(id)[1].push(row);
	});
	return [...found.values()];
}

function aggregate(node) {
	switch (kind(node)) {
	case "SimpleNamedExpression":
		return aggregate(node.Expression);
	case "BinaryExpression":
		return binary(node, aggregate);
	case "FunctionCallExpression": {
		const fold = folds[node.Name.SimpleName];
		if (!fold) break;
		const [of = () => true] = items(node.ArgumentList.Expressions).map(scalar);
		return (rows, at) => fold(each(rows, at, of).filter((value) => value !== null));
	}
	}
	throw unsupported("aggregate", node);
}

const extreme = (better) => (values) => values.reduce((best, v) => (best === null || better(v, best) ? v : best), null);
const folds = {
	count: (values) => values.length,
	countif: (values) => values.filter((value) => value === true).length,
	sum: (values) => values.reduce((sum, v) => sum + v, 0),
	min: extreme((a, b) => a < b),
	max: extreme((a, b) => a > b),
};

module.exports = { compile };
