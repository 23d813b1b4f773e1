package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"syscall"

	"github.com/minio/minio-go/v7"

	"siegel/internal/kit/fault"
)

// unreached is why a store cannot be reached: a word for logs, without hosts, and a
// sentence for whoever sets up the server, which takes the store's address.
type unreached struct{ log, Public string }

// Error implements error.
func (u unreached) Error() string { return "s3: " + u.log }

// way says why a connection came to nothing. The error's own text has hosts in it.
func way(err error) unreached {
	_, name := errors.AsType[*net.DNSError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	slow, _ := errors.AsType[net.Error](err)
	switch {
	case name:
		return unreached{log: "unknown name", Public: "the object store %s cannot be reached: its name is not known; look at objects.s3.endpoint"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return unreached{log: "connection refused", Public: "the object store %s cannot be reached: nothing listens there (connection refused)"}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return unreached{log: "no route", Public: "the object store %s cannot be reached: there is no way through the network to it"}
	case authority:
		return unreached{log: "certificate not trusted", Public: "the certificate of the object store %s is not trusted here: name the file of its authority in objects.s3.roots"}
	case certificate:
		return unreached{log: "certificate not valid", Public: "the certificate of the object store %s is not valid: it is of another name, or has expired"}
	case record, errors.Is(err, http.ErrSchemeMismatch):
		return unreached{log: "no TLS", Public: "the object store %s answers without TLS: give it a certificate, or set objects.s3.plain where it is on this machine"}
	case slow != nil && slow.Timeout():
		return unreached{log: "no answer in time", Public: "the object store %s does not answer in time"}
	default:
		return unreached{log: "connection broken", Public: "the object store %s cannot be reached: the connection broke"}
	}
}

// Explain names the store's address and the reason in an error that says that it
// cannot be reached, for whoever runs the server: at its start and in its doctor.
// Others get the error as it is.
func Explain(endpoint string, err error) error {
	if u, ok := errors.AsType[unreached](err); ok {
		return &fault.Error{Kind: fault.Busy, Public: u.Public, Args: []any{endpoint}, Cause: u}
	}
	return err
}

// unknownKey are the codes with which stores say that they do not know the access
// key. The last one is versitygw's, with the status of what is not there.
var unknownKey = [...]string{"InvalidAccessKeyId", "XAdminUserNotFound"}

// classify gives an error of the store or of the way to it a kind. Its text may
// name hosts, buckets and keys: only the store's code is kept.
func classify(err error) error {
	var f *fault.Error
	switch {
	case err == nil, errors.As(err, &f), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return fault.Because(fault.Busy, "the object store cannot be reached", way(err))
	}
	cause := fmt.Errorf("s3: %d %s", r.StatusCode, r.Code)
	switch {
	case slices.Contains(unknownKey[:], r.Code):
		return fault.Because(fault.Internal, "the object store refuses the access key: look at objects.s3.access", cause)
	case r.Code == "NoSuchBucket": // not an object that is gone
		return fault.Because(fault.Internal, "the object store has no such bucket", cause)
	case r.StatusCode == http.StatusNotFound:
		return fault.Because(fault.NotFound, "there is no such object", cause)
	case r.StatusCode == http.StatusPreconditionFailed:
		return fault.Because(fault.Conflict, "the object exists", cause)
	case r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return fault.Because(fault.Damaged, "a stored object is shorter than it should be", cause)
	case r.StatusCode == http.StatusInsufficientStorage, r.Code == "QuotaExceeded", r.Code == "XMinioStorageFull":
		return fault.Because(fault.Exhausted, "the object store is full", cause)
	case r.StatusCode == http.StatusConflict, r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusRequestTimeout, r.StatusCode >= 500:
		// 409: another write with a condition is under way.
		return fault.Because(fault.Busy, "the object store is busy", cause)
	case r.Code == "RequestTimeTooSkewed":
		return fault.Because(fault.Internal, "the object store refuses the request, because the clock of this machine differs from its own", cause)
	case r.StatusCode == http.StatusUnauthorized, r.StatusCode == http.StatusForbidden:
		return fault.Because(fault.Internal, "the object store refuses access; look at objects.s3.access, objects.s3.secret and the rights on the bucket", cause)
	case r.StatusCode == http.StatusMovedPermanently, r.StatusCode == http.StatusTemporaryRedirect, r.Code == "AuthorizationHeaderMalformed":
		return fault.Because(fault.Internal, "the bucket is in another region; set objects.s3.region", cause)
	default:
		return fault.Because(fault.Internal, "the object store cannot be used", cause)
	}
}
