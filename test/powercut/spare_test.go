package powercut_test

// spares are the classes of syncs without which nothing is missing. Whoever
// adds one has looked for the cut at which it matters.
func spares() map[string]spare {
	const (
		next   = "the next sync of the same directory covers it, and instance.json, which says that the directory is whole, comes after that"
		lost   = "a projection that is lost or damaged is made again from the archive"
		repeat = "it repeats a sync for the case that the process was killed before the first one came"
	)
	initial := []string{
		"names in data: +objects", "names in data: +index", "names in data: +tmp", "names in data: +master.key",
		"names in data: +ledger.key", "names in data: +ledger.pem", "names in data: +ledger.pub", "names in data: +siegel.yaml",
		"names in data: +test",
	}
	control := []string{
		"names in data: +control.db +control.db-journal +lock", "names in data: +control.db-shm +control.db-wal -control.db-journal",
		"names in data: =control.db-shm =control.db-wal", "names in data: none that is new",
	}
	certificate := []string{"names in data/test: +tls.key", "names in data/test: +tls.pem", "names in data/test: +tsa"}
	projections := "data/index/(id)/(id)"
	all := map[string]spare{
		"content of data/control.db-journal": {why: "it serves the first transaction of an empty file, which is one page: without it the file is begun once more"},
		"names in data/objects/(id)/checkpoints: +message": {
			why:  "the checkpoint of the audit log is kept in the same directory before anybody hears of either",
			with: []string{"names in data/objects/(id)/checkpoints: +audit"},
		},
		"names in data/objects: none that is new":                                                          {why: repeat, with: []string{"names in data/objects: +(id)", "names in data/objects: +(instance)"}, again: true},
		"names in data/objects/(id): none that is new":                                                     {why: repeat, with: []string{"names in data/objects/(id): +packs", "names in data/objects/(id): +checkpoints"}, again: true},
		"names in data/objects/(instance): none that is new":                                               {why: repeat, with: []string{"names in data/objects/(instance): +checkpoints"}, again: true},
		"names in data/objects/(id)/packs: none that is new":                                               {why: repeat},
		"content of " + projections + "/(projection).db":                                                   {why: lost},
		"content of " + projections + "/(projection).db-journal":                                           {why: lost},
		"content of " + projections + "/(projection).db-wal":                                               {why: lost},
		"names in " + projections + ": +(projection).db +(projection).db-journal":                          {why: lost},
		"names in " + projections + ": +(projection).db-shm +(projection).db-wal -(projection).db-journal": {why: lost},
		"names in " + projections + ": =(projection).db-journal":                                           {why: lost},
		"names in " + projections + ": =(projection).db-shm =(projection).db-wal":                          {why: lost},
	}
	for _, kind := range initial[:len(initial)-1] {
		all[kind] = spare{why: next, with: initial}
	}
	for _, kind := range certificate[:2] {
		all[kind] = spare{why: next, with: certificate}
	}
	for _, kind := range control {
		all[kind] = spare{why: "SQLite syncs the directory when it first syncs a new file, and the object store when it is opened: one covers the other", with: control}
	}
	return all
}
