cat >odd.mil <<'MIL'
program(1.0)
{
    func main<ios16>(tensor<fp32, [1]> x) {
            tensor<fp32, [1]> y = relu(x = z)[name = tensor<string, []>("y")];
        } -> (y);
}
MIL
"$POME" predict odd.mil -i x=1
