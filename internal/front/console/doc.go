// Package console is the door for the operator's commands: HTTP with JSON over
// a socket that only the server's own account can open (mode 0600), or inside
// the process of a command that opened the data directory itself. It has no
// rules of its own; whoever may do something is signed in by the password that
// comes with the command.
//
// A call is POST /v1/<command> with a JSON body. The answer is a line of JSON
// per event, {"progress":{…}} any number of times and then {"result":…} or
// {"error":{…}}; commands that give octets answer with them and have the result
// in the header Siegel-Result.
package console
