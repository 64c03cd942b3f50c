use crate::golden;

#[test]
fn ids_equal_transformers() {
    for (model, golden) in golden::all() {
        assert_eq!(model.tokenizer().start(), golden.start_ids);
        for case in golden.tokenizer {
            assert_eq!(model.tokenizer().encode(&case.text).unwrap(), case.ids, "{:?}", case.text);
            let continuation = model.tokenizer().encode_continuation(&case.text).unwrap();
            assert_eq!(continuation, case.continuation, "{:?}", case.text);
        }
    }
}
