// Package arm_test judges the files in this folder: the template, its portal form,
// the example of parameters and the workbook. It evaluates the template as Azure
// Resource Manager would, hands what comes out to the real program, and complains
// of whatever does not fit together.
//
// Its one promise: each rule was seen to fail. A table of seeded mistakes changes a
// copy of the files in one place, and demands the complaint that belongs to it and
// no other.
//
// What it cannot tell is whether Azure agrees: nothing here was ever sent there.
package arm_test
