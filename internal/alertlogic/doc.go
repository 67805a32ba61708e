// Package alertlogic speaks to Alert Logic: AIMS for tokens, the endpoints
// service for hosts, azcollect for the registration and the check-ins, ingest
// for the records.
//
// Its one promise: a token or the access key goes only to the API host of the
// settings and to hosts that it named or the settings name, over https, and no
// error, and no answer handed on to be kept, ever shows one. [Ingest] is a
// [collect.Sink]: it splits what is too large for a post and bisects what the
// service refuses, and drops nothing.
//
// It retries nothing, with one exception: a 401 renews the token and repeats
// the request once. It decides nothing about health, schedules or state.
package alertlogic
