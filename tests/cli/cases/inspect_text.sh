make_total
"$POME" inspect total.mil --text >again.mil
"$POME" inspect again.mil --text | cmp again.mil - && cat again.mil
