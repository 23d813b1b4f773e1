package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/minio/minio-go/v7"

	"siegel/internal/kit/fault"
)

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
		return fault.Because(fault.Busy, "the object store cannot be reached", fmt.Errorf("s3: %T", err))
	}
	cause := fmt.Errorf("s3: %d %s", r.StatusCode, r.Code)
	switch {
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
