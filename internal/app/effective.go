package app

import (
	"errors"

	"github.com/goccy/go-yaml"

	"siegel/internal/app/config"
	"siegel/internal/kit/fault"
)

// environment is the one of a data directory; production, which is stricter,
// where there is none.
func environment(dir string) (config.Environment, error) {
	i, err := ReadInstance(dir)
	if fault.Of(err) == fault.NotFound {
		return config.Production, nil
	}
	return i.Environment, err
}

// effective reads a configuration as a server would. Beside its problems there is
// what could be read.
func effective(dir, file string) (c config.Config, e config.Environment, problems, err error) {
	if e, err = environment(dir); err != nil {
		return c, e, nil, err
	}
	c, problems = config.Load(file)
	c.Complete(dir, e)
	return c, e, problems, nil
}

// EffectiveConfig returns the configuration that applies to a data directory, as
// YAML: a file over the defaults, paths complete.
func EffectiveConfig(dir, file string) (string, error) {
	c, _, problems, err := effective(dir, file)
	if err != nil {
		return "", err
	}
	if problems != nil {
		return "", fault.Because(fault.Invalid, "the configuration cannot be read", problems)
	}
	b, err := yaml.Marshal(c)
	return string(b), err
}

// CheckConfig names every problem of a configuration for a data directory.
func CheckConfig(dir, file string) error {
	c, e, problems, err := effective(dir, file)
	if err != nil {
		return err
	}
	return fault.Because(fault.Invalid, "the configuration has problems", errors.Join(problems, c.Check(e)))
}
