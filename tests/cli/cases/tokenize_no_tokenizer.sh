need_part llm
mkdir empty
"$POME" tokenize empty a
