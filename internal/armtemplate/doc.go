// Package armtemplate evaluates an Azure Resource Manager template the way the
// service does, so that a test can look at what a deployment would ask for: which
// resources, with which values, in which order.
//
// Its one promise: where it is not sure that the service agrees, it complains
// instead of guessing. It knows the part of the language that our own template
// uses, and calls everything else an error, with the path to the place.
//
// It deploys nothing and knows no resource provider's rules. Only tests import it.
//
// The language: Microsoft's "ARM template documentation", pages "Template syntax",
// "Template functions" (string, array, object, logical, comparison, numeric,
// deployment, resource) and "Conditional deployment".
package armtemplate
