echo "just text" >note.txt
"$POME" inspect note.txt
