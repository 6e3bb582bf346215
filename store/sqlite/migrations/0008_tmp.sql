CREATE TABLE flips (id INTEGER PRIMARY KEY AUTOINCREMENT, account TEXT, kind TEXT, subject TEXT, name TEXT, at INTEGER, old TEXT, new TEXT, reason TEXT, detail TEXT, run TEXT);
