// A tokenizer of FTS5 for text that was folded before (package textfold): words are
// separated by single spaces, the spellings of a word by 0x1F. Spellings stand at the
// same place, so that a phrase is found in each of them.
// https://www.sqlite.org/fts5.html, sections 7.1 (custom tokenizers) and 7.1.1 (synonyms).

#include <sqlite3.h>
#include <stddef.h>
#include "spellings.h"

// It has no state, but FTS5 takes a null pointer for none that was made.
static char stateless;

static int create(void *context, const char **args, int count, Fts5Tokenizer **out) {
	(void)context;
	(void)args;
	if (count != 0) {
		return SQLITE_ERROR;
	}
	*out = (Fts5Tokenizer *)&stateless;
	return SQLITE_OK;
}

static void delete(Fts5Tokenizer *t) {
	(void)t;
}

static int tokenize(Fts5Tokenizer *t, void *context, int flags, const char *text, int length,
	int (*token)(void *, int, const char *, int, int, int)) {
	(void)t;
	(void)flags;
	int other = 0; // what comes next is another spelling of the word before
	int spelled = 0; // the word at this place has a spelling
	for (int start = 0, i = 0; i <= length; i++) {
		if (i < length && text[i] != ' ' && text[i] != SIEGEL_SPELLING) {
			continue;
		}
		if (i > start) {
			int rc = token(context, other && spelled ? FTS5_TOKEN_COLOCATED : 0, text + start, i - start, start, i);
			if (rc != SQLITE_OK) {
				return rc;
			}
			spelled = 1;
		}
		other = i < length && text[i] == SIEGEL_SPELLING;
		if (!other) {
			spelled = 0;
		}
		start = i + 1;
	}
	return SQLITE_OK;
}

// The SQL function use_spellings() registers the tokenizer with the connection that calls
// it. That takes a statement, so it cannot be done when a connection is made: the file has
// no key by then.
static void use(sqlite3_context *context, int count, sqlite3_value **values) {
	(void)count;
	(void)values;
	sqlite3 *db = sqlite3_context_db_handle(context);
	fts5_api *fts5 = NULL;
	sqlite3_stmt *ask = NULL;
	int rc = sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &ask, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_bind_pointer(ask, 1, &fts5, "fts5_api_ptr", NULL);
	}
	if (rc == SQLITE_OK) {
		sqlite3_step(ask);
	}
	int done = sqlite3_finalize(ask);
	if (rc == SQLITE_OK) {
		rc = done;
	}
	if (rc == SQLITE_OK) {
		fts5_tokenizer own = {create, delete, tokenize};
		rc = fts5 == NULL || fts5->iVersion < 2 ? SQLITE_ERROR : fts5->xCreateTokenizer(fts5, "spellings", NULL, &own, NULL);
	}
	if (rc != SQLITE_OK) {
		sqlite3_result_error_code(context, rc);
	}
}

// SQLite calls it for each new connection.
static int offer(sqlite3 *db, char **message, const struct sqlite3_api_routines *api) {
	(void)message;
	(void)api;
	return sqlite3_create_function(db, "use_spellings", 0, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, use, NULL, NULL);
}

int siegel_offer_spellings(void) {
	return sqlite3_auto_extension((void (*)(void))offer);
}
