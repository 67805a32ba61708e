// Command azcollector is the roof of the house: it reads the settings, wires
// rooms to doors, and stands between them and whoever runs the process, which is
// either the Azure Functions host (as a custom handler) or an administrator.
//
// Its one promise: a trigger is answered with success only if the room that
// handled it returned without an error, and every failure leaves a log line.
//
// It is not where anything is collected: rooms know neither the environment nor
// the host's envelopes, and this package knows neither Microsoft nor Alert Logic.
package main
