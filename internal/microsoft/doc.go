// Package microsoft is the door to Microsoft: Entra tokens, the national clouds,
// the Office 365 Management Activity API, of Microsoft Graph one question (when our
// own secret ends), and of Azure Resource Manager what an app may do to its own site.
//
// Its one promise: a credential goes to the configured authority, a token to the
// API it was made for, and neither to any other host, whatever a redirect, a
// contentUri, a NextPageUri or a discovery document says. What an answer means
// is decided here, once, and carried in a [collect.Fault].
//
// It keeps no state that must survive, logs nothing, and retries nothing but a
// request answered 401, once, with a new token. When to list, what to remember
// and when to try again is for the rooms above.
package microsoft
