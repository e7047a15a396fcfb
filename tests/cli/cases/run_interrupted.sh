need_folio
"$POME" run "$FOLIO" "ROMEO:" -n 1000000 --seed 3 --device ref --threads 1 >text.txt &
until [[ -s text.txt ]]; do sleep 0.02; done
kill -TERM $!
wait $!
echo "exit $?"
[[ $(tail -c 1 text.txt | wc -l) == 1 ]] && echo "the line is ended"
