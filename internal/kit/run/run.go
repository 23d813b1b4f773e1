// Package run keeps services running and stops them in order.
package run

import (
	"context"
	"errors"
	"fmt"
)

// Service is one long-running part. Run returns when ctx is done, after it
// finished the work in hand; any other return is a crash.
type Service struct {
	Name string
	Run  func(ctx context.Context) error
}

// errEnded says that a service returned though nobody asked it to.
var errEnded = errors.New("ended by itself")

// All runs the services until ctx is done or one of them crashes, and then
// stops them last to first, one at a time, so that nobody works for a stopped
// neighbour. It returns the errors of all.
func All(ctx context.Context, services ...Service) error {
	type running struct {
		cancel context.CancelFunc
		done   chan error
	}
	crashed := make(chan struct{}, len(services))
	list := make([]running, len(services))
	for i, s := range services {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r := running{cancel, make(chan error, 1)}
		list[i] = r
		go func() {
			err := s.Run(own)
			if own.Err() == nil {
				err = errors.Join(err, errEnded)
			} else if errors.Is(err, context.Canceled) {
				err = nil
			}
			if err != nil {
				err = fmt.Errorf("%s: %w", s.Name, err)
				crashed <- struct{}{}
			}
			r.done <- err
		}()
	}
	select {
	case <-ctx.Done():
	case <-crashed:
	}
	var errs []error
	for i := len(list) - 1; i >= 0; i-- {
		list[i].cancel()
		errs = append(errs, <-list[i].done)
	}
	return errors.Join(errs...)
}
