// Package web is the door for people in browsers: pages that are made on the server and
// work without any script. It has no rules of its own: what somebody may do is said by
// the rooms, with the session of who visits as a value.
//
// Every page forbids what is not ours (Content-Security-Policy), is kept nowhere, and
// is shown in no frame of others; forms of other origins are refused
// (net/http.CrossOriginProtection), and cookies are sent to no other site.
package web
