//! scratch
use leastwise::refine::*;
use leastwise_policy::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let p = Policy::parse(&std::fs::read_to_string(&a[1]).unwrap()).unwrap();
    let u = Unused::parse(&std::fs::read_to_string(&a[2]).unwrap()).unwrap();
    let c = if let Some(c) = a.get(3) {
        Catalogue::parse(std::fs::read_to_string(c).unwrap()).unwrap()
    } else {
        Catalogue::parse(Catalogue::embedded().render()).unwrap()
    };
    let r = refine(&p, &u, &c, Choices::default());
    println!("{}", r.text.unwrap_or_default());
    for w in r.warnings {
        println!("{:?}", w);
    }
}
