// What stands between two spellings of a word: textfold.Spelling.
#define SIEGEL_SPELLING '\x1f'

// Connections that are opened from now on have the SQL function use_spellings(), which
// gives them the tokenizer "spellings". It may be called again, and by several threads.
// Returns a result code of SQLite.
int siegel_offer_spellings(void);
