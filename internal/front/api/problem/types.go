package problem

import (
	"net/http"
	"slices"
)

// Types lists the kinds of problems, by status.
func Types() []Type {
	return []Type{
		{"malformed", http.StatusBadRequest, tell("The request cannot be read"), tell("The body is missing or is no JSON. Nothing was done.")},
		{"signed-out", http.StatusUnauthorized, tell("Nobody has signed in"), tell("The cookie of the session is missing, or the session has ended. Sign in again.")},
		{"wrong-password", http.StatusUnauthorized, tell("The address or the password is wrong"), tell("The answer is the same whether there is such an account or not.")},
		{"denied", http.StatusForbidden, tell("This is for somebody else to do"), tell("The role does not allow it, or nobody does it for himself. The text says who may.")},
		{"foreign", http.StatusForbidden, tell("This came from another site"), tell("A browser sent it from a page of another origin. Nothing was done.")},
		{"not-found", http.StatusNotFound, tell("It is not there"), tell("There is no such thing, or it is not there for you: the answer is the same.")},
		{"method", http.StatusMethodNotAllowed, tell("This cannot be done here"), tell("The field Allow says which methods there are.")},
		{"conflict", http.StatusConflict, tell("It is not as you think"), tell("Somebody else changed it, or it exists already. Look at it again.")},
		{"running", http.StatusConflict, tell("The same request is being carried out"), tell("Another request with this idempotency key has not been answered yet. Try again after the time in Retry-After.")},
		{"done", http.StatusConflict, tell("This was done already"), tell("A request with this idempotency key was carried out. Its answer had a secret, which is shown once and not kept. Where it is lost, have a new one made.")},
		{"unknown", http.StatusConflict, tell("Nobody knows whether this was done"), tell("A request with this idempotency key broke off in the middle. Look whether it did something, and use a new key.")},
		{"changed", http.StatusPreconditionFailed, tell("Somebody else changed it"), tell("If-Match has another tag than the thing has now. Read it again and decide anew.")},
		{"too-large", http.StatusRequestEntityTooLarge, tell("The request is too large"), tell("A body has 48 KiB at most. Nothing was done.")},
		{"media-type", http.StatusUnsupportedMediaType, tell("The body is of a type that is not read here"), tell("Send application/json. Nothing was done.")},
		{"range", http.StatusRequestedRangeNotSatisfiable, tell("The file has no such octets"), tell("Content-Range says how long it is.")},
		{"invalid", http.StatusUnprocessableEntity, tell("This cannot be done as it was asked"), tell("A field has a value that it cannot have; where there are several, errors lists them. Nothing was done.")},
		{"confirm", http.StatusUnprocessableEntity, tell("Something has to be confirmed"), tell("What was asked for looks like a mistake. Where it is meant, ask again with the field that errors names. Nothing was done.")},
		{"query", http.StatusUnprocessableEntity, tell("The search has a mistake"), tell("position and length say where.")},
		{"reason", http.StatusUnprocessableEntity, tell("A reason is needed"), tell("The message is not your own. Send the reason in the body of a POST; it is kept in the audit trail.")},
		{"key-used", http.StatusUnprocessableEntity, tell("The idempotency key belongs to another request"), tell("A key is for one request with one body. Nothing was done.")},
		{"condition-needed", http.StatusPreconditionRequired, tell("If-Match is needed"), tell("Two people could overwrite each other here. Read the thing and send its ETag as If-Match.")},
		{"locked-out", http.StatusTooManyRequests, tell("Too many attempts failed"), tell("The account or the network is locked for a while; Retry-After says for how many seconds.")},
		{"exhausted", http.StatusTooManyRequests, tell("A limit was reached"), tell("The text says which.")},
		{"internal", http.StatusInternalServerError, tell("Something failed inside"), tell("The server's log has more, under the reference in instance.")},
		{"damaged", http.StatusInternalServerError, tell("What is kept does not verify"), tell("Stop and look: something was changed or lost. The server's log has more, under the reference in instance.")},
		{"busy", http.StatusServiceUnavailable, tell("This is not possible right now"), tell("Try again after the time in Retry-After.")},
	}
}

// Named returns a type. One that is none is internal.
func Named(name string) Type {
	list := Types()
	at := slices.IndexFunc(list, func(t Type) bool { return t.Name == name })
	if at < 0 {
		return Named("internal")
	}
	return list[at]
}

// tell marks a sentence: it has a German form.
func tell(sentence string) string { return sentence }
