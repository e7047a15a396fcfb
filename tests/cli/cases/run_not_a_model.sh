need_part llm
make_add
"$POME" run add.mil "hello"
